"""The browser door: forms made from the live bundle's inputs."""
