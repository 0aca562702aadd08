"""What the batteries and the bank did, minute by minute: kept on disk, and asked by the page."""
