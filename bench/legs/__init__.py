"""What is measured. Each function runs in a process of its own, set up like a process of the service."""
