"""What a model costs: counted parameters and multiply-adds, measured times and memory."""
