"""Video encoders for real time, through PyAV."""
