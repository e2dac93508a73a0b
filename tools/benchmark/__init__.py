"""The rendered benchmark and its company: the runs, the queue that works them off, and the page of their results."""
