from floater.core.meet.attempts import GUESSING
from floater.core.meet.settings import MeetingSettings


def test_the_defaults_leave_each_step_the_time_of_the_one_before() -> None:
    settings = MeetingSettings()
    assert GUESSING < settings.head_start < settings.punch_budget < settings.timeout < settings.grace
    assert settings.punch_attempts * settings.punch_delay < settings.punch_budget
