"""The annotation loop played through on labelled data, the labels as the annotator."""
