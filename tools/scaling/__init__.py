"""What so many hours of video take, and what breaks first: measured, worked out, simulated."""
