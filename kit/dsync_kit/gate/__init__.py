"""What a change touches, for `dsync-kit ci`."""
