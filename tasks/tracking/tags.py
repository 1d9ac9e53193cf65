"""Tags by which runs are found in MLflow."""

RUN_TAG = "prefect.flow_run_id"  # of everything that MLflow has of one run
