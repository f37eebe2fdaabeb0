"""`python -m dsync_kit.cli.new`."""

from dsync_kit.cli.new import main

main()
