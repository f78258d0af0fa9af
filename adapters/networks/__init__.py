"""What is peculiar to PyTorch networks: modes, outputs, precision. `adapters.torch_module` is their adapter."""
