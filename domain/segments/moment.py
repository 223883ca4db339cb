"""Now, and the days before it on the tenant's clock."""

from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from sqlalchemy.orm import Session

from kernel import clock, db
from models import Tenant


@dataclass(frozen=True, slots=True)
class Moment:
    """One instant that all conditions of an evaluation share."""

    now: datetime
    zone: ZoneInfo

    @property
    def today(self) -> date:
        return self.now.astimezone(self.zone).date()

    def begin(self, days_ago: int) -> datetime:
        """Return the first instant of the day so many days ago."""
        return self.start_of(self.today - timedelta(days=days_ago))

    def start_of(self, day: date) -> datetime:
        """Return the first instant of a day on the tenant's clock."""
        return datetime.combine(day, time.min, self.zone)


def of(session: Session, now: datetime | None = None) -> Moment:
    """Return the moment of an evaluation for the session's tenant."""
    zone = session.get_one(Tenant, db.tenant_of(session)).time_zone
    return Moment(now or clock.now(), ZoneInfo(zone))
