"""What commands say: streams that never fail, exit codes, the main numbers of a result."""
