"""What keeps a run within bounds: its calls in time, its processes and its folders within its own life."""
