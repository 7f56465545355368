"""Still images with objects → pseudo-video."""
