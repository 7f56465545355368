"""What changes at random about the frames of training clips, the same for all frames of a clip."""
