"""The errors a user may see: one sentence that says what, where, and what to do."""


class QsaError(Exception):
    """Base of all errors this project raises on purpose; its text is fit to be shown."""


class ImageError(QsaError):
    """An image or a label file cannot be used."""


class DatasetError(QsaError):
    """A folder of images and labels cannot be used."""


class EnsembleFileError(QsaError):
    """An ensemble file is missing, damaged or of another version."""


class TrainingError(QsaError):
    """A training run cannot start, go on or be resumed."""


class EngineError(QsaError):
    """The inference engine, its process or its device failed."""


class ProjectError(QsaError):
    """A project folder cannot be used as asked."""
