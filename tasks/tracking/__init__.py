"""MLflow: runs, metrics and the model registry. Nothing outside this package imports mlflow."""
