"""What a model learned from one incident: found in traffic, traced to training rows, proven."""
