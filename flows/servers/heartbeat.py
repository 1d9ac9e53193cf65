"""A run whose host died does not stay `Running`: the Prefect server marks it, by an automation that `textmill deploy` makes.

A run says every 30 s that it is there. Prefect's own rule for that ("no heartbeat -> Crashed") is made for the runs of our
deployments alone, which ask for that frequency themselves and carry a tag: others send one every three minutes. The worker of a
run reports its end much sooner where only the run's process dies.
"""

from __future__ import annotations

import logging
from datetime import UTC, datetime, timedelta
from typing import Any

log = logging.getLogger(__name__)

TAG = "textmill-heartbeat"
FREQUENCY_SECONDS = 30  # the least that Prefect takes
WITHIN = timedelta(seconds=120)  # four of them: a busy host misses one or two
BEGINS_WITHIN = timedelta(minutes=15)  # from the worker's first word to the run's own: the program is imported meanwhile
ENVIRONMENT = {"PREFECT_FLOWS_HEARTBEAT_FREQUENCY": str(FREQUENCY_SECONDS)}
HEARTBEAT = "prefect.flow-run.heartbeat"
ENDS = {
    f"prefect.flow-run.{state}" for state in ("Completed", "Cached", "Failed", "Crashed", "Cancelled", "Cancelling", "TimedOut")
}
SILENT, NEVER_BEGAN = "textmill: a run without a heartbeat has crashed", "textmill: a run that does not begin has crashed"


async def make_automations() -> None:
    """Make the two rules on the server that the environment names, or bring those of another version up to date."""
    from prefect.client.orchestration import get_client

    async with get_client() as client:
        there = {each.name: each for each in await client.read_automations()}
        for wanted in (silent(), never_began()):
            known = there.get(wanted.name)
            if known is None:
                await client.create_automation(wanted)
            elif _same(known) != _same(wanted):
                await client.update_automation(known.id, wanted)


def silent() -> Any:
    """After a heartbeat comes another one, or the end."""
    what = f"no heartbeat for {WITHIN.total_seconds():.0f} s: its host, or the way there, is gone"
    return _automation(SILENT, {HEARTBEAT}, {HEARTBEAT, *ENDS}, WITHIN, what)


def never_began() -> Any:
    """What a worker has taken begins, or ends."""
    what = f"its worker took it and it did not begin within {BEGINS_WITHIN.total_seconds() / 60:.0f} minutes"
    begins = {HEARTBEAT, "prefect.flow-run.Running", "prefect.flow-run.AwaitingConcurrencySlot", *ENDS}
    return _automation(NEVER_BEGAN, {"prefect.flow-run.Pending"}, begins, BEGINS_WITHIN, what)


def _automation(name: str, after: set[str], expect: set[str], within: timedelta, message: str) -> Any:
    from prefect.automations import AutomationCore, EventTrigger, Posture
    from prefect.client.schemas.objects import StateType
    from prefect.events.actions import ChangeFlowRunState

    return AutomationCore(
        name=name,
        description="Made by textmill deploy, for the runs of its deployments.",
        trigger=EventTrigger(
            after=after,
            expect=expect,
            match={"prefect.resource.id": "prefect.flow-run.*"},
            match_related={"prefect.resource.role": "tag", "prefect.resource.id": f"prefect.tag.{TAG}"},
            for_each={"prefect.resource.id"},
            posture=Posture.Proactive,
            threshold=1,
            within=within,
        ),
        actions=[ChangeFlowRunState(state=StateType.CRASHED, name="Crashed", message=message)],
    )


def _same(automation: Any) -> dict[str, Any]:
    """What of an automation is compared."""
    trigger = automation.trigger
    return {
        "enabled": True,  # one that somebody has switched off stays so
        "trigger": {
            name: getattr(trigger, name, None) for name in ("after", "expect", "for_each", "posture", "threshold", "within")
        },
        "actions": [each.model_dump(mode="json") for each in automation.actions],
    }


async def give_time() -> None:
    """Let runs that live be heard before any is judged: called before a Prefect server begins its work again.

    What it missed while it did not run is no silence of theirs.
    """
    import sqlalchemy
    from prefect.server.database import provide_database_interface

    database = provide_database_interface()
    session = await database.session()
    until = datetime.now(UTC) + WITHIN
    try:
        async with session:
            bucket, automation = database.AutomationBucket, database.Automation
            ours = sqlalchemy.select(automation.id).where(automation.name.in_([SILENT, NEVER_BEGAN]))
            late = sqlalchemy.update(bucket).where(bucket.automation_id.in_(ours), bucket.end < until)
            await session.execute(late.values(end=until))
            await session.commit()
    except sqlalchemy.exc.DBAPIError as error:  # a database that is made only now
        log.debug("no automation waits (%s)", type(error).__name__)
