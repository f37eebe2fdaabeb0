"""The commands of `dsync-kit`: their options and help. What a command needs is imported when it runs."""
