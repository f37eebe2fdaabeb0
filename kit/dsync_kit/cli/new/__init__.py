"""The command `dsync-new`."""

import sys

from dsync_kit.cli.command_lines import command_line
from dsync_kit.cli.exit_codes import exit_code_of
from dsync_kit.cli.new.connector import connector
from dsync_kit.cli.new.update import adopt, update

__all__ = ["app", "main"]

app = command_line("dsync-new", "Make connectors for dsync, and keep them up to date.")
for command in (connector, update, adopt):
    app.command()(command)


def main() -> None:
    """Run the command; ends the process with its exit code."""
    sys.exit(exit_code_of(app))
