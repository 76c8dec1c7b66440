"""What runs inside the virtual machine: one module a scenario, see tests/devices/__init__.py."""
