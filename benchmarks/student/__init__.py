"""What "keep the model" promises: training, its file's speed, and cascades that hold."""
