"""The command ``napari-qsa``."""

import inspect
import re
from collections.abc import Callable
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from napari_qsa import __version__
from napari_qsa.cli.ablate import ablate
from napari_qsa.cli.annotation import accept, history, restore
from napari_qsa.cli.console import note, say
from napari_qsa.cli.demo import demo
from napari_qsa.cli.ensembles import ensembles, info
from napari_qsa.cli.evaluate import evaluate
from napari_qsa.cli.export import export
from napari_qsa.cli.model import list_models, use
from napari_qsa.cli.project import import_images, new, next_image, status
from napari_qsa.cli.project_images import set_role
from napari_qsa.cli.project_rescue import rescue
from napari_qsa.cli.project_set import set_facts
from napari_qsa.cli.schemes import schemes
from napari_qsa.cli.segment import segment
from napari_qsa.cli.simulate import simulate
from napari_qsa.cli.suggest import suggest
from napari_qsa.cli.train import train
from napari_qsa.errors import QsaError

INTERRUPTED = 130


class Commands(TyperGroup):
    """Shows an error of ours as its sentence, with exit status 1 and no traceback."""

    def list_commands(self, ctx: Any) -> list[str]:
        """Keep the order in which they are used, not the alphabet's."""
        return sorted(self.commands, key=list(ORDER).index if ctx.parent is None else lambda _: 0)

    def invoke(self, ctx: Any) -> Any:
        """Run the command."""
        try:
            return super().invoke(ctx)
        except QsaError as error:
            note(f"Error: {error}")
            ctx.exit(1)
        except KeyboardInterrupt:
            note("Stopped.")
            ctx.exit(INTERRUPTED)


SETTINGS: dict[str, Any] = {
    "cls": Commands,
    "no_args_is_help": True,
    "rich_markup_mode": None,
    "context_settings": {"help_option_names": ["-h", "--help"], "max_content_width": 100},
}
app = typer.Typer(add_completion=False, pretty_exceptions_enable=False, **SETTINGS)


def _help(command: Callable[..., None]) -> str:
    """Give the docstring of a command, its example marked so that click keeps the lines apart."""
    return re.sub(r"\n(?=Example:\n)", "\n\b\n", inspect.getdoc(command) or "")


GROUPS: dict[str, tuple[str, dict[str, Callable[..., None]]]] = {
    "project": (
        "Make a project, see how far it is, add images.",
        {
            "new": new,
            "status": status,
            "import": import_images,
            "next": next_image,
            "set": set_facts,
            "rescue": rescue,
        },
    ),
    "images": ("Change the images of a project.", {"set": set_role}),
    "annotation": (
        "Accept annotations, list them, go back to one.",
        {"accept": accept, "history": history, "restore": restore},
    ),
    "model": ("Choose the models of a project.", {"list": list_models, "use": use}),
}
ORDER = (
    *("demo", "segment", "suggest", "train", "evaluate", "simulate", "ablate"),
    *GROUPS,
    *("export", "info", "ensembles", "schemes"),
)

for command in (
    *(demo, segment, suggest, train, evaluate, simulate, ablate),
    *(export, info, ensembles, schemes),
):
    app.command(help=_help(command))(command)
for title, (about, members) in GROUPS.items():
    group = typer.Typer(help=about, **SETTINGS)
    for name, member in members.items():
        group.command(name, help=_help(member))(member)
    app.add_typer(group, name=title)


def _show_version(wanted: bool) -> None:
    if wanted:
        say(f"napari-qsa {__version__}")
        raise typer.Exit


@app.callback()
def start(
    version: Annotated[
        bool,
        typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version."),
    ] = False,
) -> None:
    """Segment glands with quantized ensembles, see where they are unsure, and what to annotate."""


def main() -> None:
    """Run the command line."""
    app(prog_name="napari-qsa")
