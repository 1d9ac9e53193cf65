"""Keeping servers and schedules alive: an application of its own beside the flows.

A run needs a Prefect server. It uses the one that the user has named, or that of its data root, which it starts if none runs;
that one leaves with the last run. `textmill up` starts servers that stay: Prefect with its UI, MLflow, and two workers, and
`textmill deploy` puts flows on schedules there. Every server listens on 127.0.0.1 only and asks for a password.

Servers
    server           the Prefect server of a data root: found, started, waited for, left; also its entry point
    mlflow_server    the entry point of the MLflow server
    guard            what both answer to whom: address, Host, Origin, password
    services         `up` and `down`: starts and stops all of them
    pidfile          which processes `up` started
    database         a PostgreSQL database for both servers
    joined           a host that joins the servers of another one
    quiet            Prefect's log lines kept off the terminal
Schedules
    deploy           makes deployments of flows, from prefect.yaml
    deployed         reads and removes them; finds the server that keeps them
    schedule         cron expressions, as Prefect's scheduler reads them
    moved            deployments of a data root that was copied or moved
Runs that Prefect and we could lose sight of
    running          a killed process does not stay `Running`
    heartbeat        nor does a run whose host died
    outage           a server that goes away during a run hears of its end later
    notes            small JSON files, written whole or not at all
"""
