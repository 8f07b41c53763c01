"""What controller, telemetry and the command line say to each other over the Unix socket."""
