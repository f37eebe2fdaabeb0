"""The command `dsync-kit`."""

import sys

from dsync_kit.cli.command_lines import command_line
from dsync_kit.cli.commands.judging import ci, fuzz, replay, verify
from dsync_kit.cli.commands.listing import explain, list_, rules
from dsync_kit.cli.commands.moving import e2e, run, serve
from dsync_kit.cli.commands.upkeep import badge, docs, schema, sweep
from dsync_kit.cli.exit_codes import exit_code_of

__all__ = ["app", "main"]

app = command_line("dsync-kit", "Prove a dsync connector correct, and run it.")
for command in (verify, ci, fuzz, replay, sweep, schema, docs, badge):
    app.command()(command)
app.command(add_help_option=False, context_settings={"ignore_unknown_options": True})(serve)
app.command(
    context_settings={"allow_interspersed_args": False},  # options after SOURCE belong to the ends
    options_metavar="[run-options]",
)(run)
app.command(
    context_settings={"ignore_unknown_options": True},  # they belong to the ends
    options_metavar="[e2e-options]",
)(e2e)
app.command()(rules)
app.command()(explain)
app.command("list")(list_)


def main() -> None:
    """Run the command, and end the process with its exit code."""
    sys.exit(exit_code_of(app))


if __name__ == "__main__":
    main()
