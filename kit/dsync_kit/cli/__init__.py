"""The commands `dsync-new` and `dsync-kit`: parse, call, exit code; nothing else."""
