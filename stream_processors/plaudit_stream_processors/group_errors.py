"""Makes an aiokafka consumer in a group tell what it would wait on for ever.

- aiokafka 0.14 forgets its member id once the broker does not know it, and joins again without one. With a
  static name it thus takes the name from whoever has it now, and two processes of one name take it from each
  other for ever. Here it joins with the old id first, and the broker says whether somebody else has the name.
- It keeps an error of the group, such as a missing permission, until somebody asks for it. Faust never does.
"""

import asyncio
from typing import Any, Final

from aiokafka.protocol.group import JoinGroupRequest

_UNKNOWN_MEMBER: Final = 25
_FENCED_INSTANCE: Final = 82


class NameTakenError(Exception):
    """Another process has joined the group under this one's static name."""


class GroupRefusedError(Exception):
    """The group does not take this process as a member."""


class GroupErrors:
    """Crashes the app with the first error of the group that does not pass by itself.

    Attributes:
        error: that error; None while there is none.
    """

    def __init__(self, coordinator: Any, app: Any, loop: asyncio.AbstractEventLoop) -> None:
        """Put methods of this object in place of the coordinator's.

        Args:
            coordinator: aiokafka's `GroupCoordinator`, of a consumer that has not joined its group yet.
            app: the Faust app.
            loop: the app's event loop; the consumer has another.
        """
        self._coordinator, self._app, self._loop = coordinator, app, loop
        self._name: str | None = coordinator._group_instance_id  # noqa: SLF001  # aiokafka has no other way
        self._unknown_id = ""
        self._send, self._push = coordinator._send_req, coordinator._push_error_to_user  # noqa: SLF001
        self._reset = coordinator.reset_generation
        self.error: Exception | None = None
        coordinator._push_error_to_user = self._push_error  # noqa: SLF001
        if self._name is not None:
            coordinator._send_req = self._send_request  # noqa: SLF001
            coordinator.reset_generation = self._reset_generation

    async def _send_request(self, request: Any) -> Any:
        member_id = self._coordinator.member_id
        response = await self._send(request)
        code = getattr(response, "error_code", 0)
        if code == _UNKNOWN_MEMBER and isinstance(request, JoinGroupRequest):
            self._unknown_id = member_id
        elif code == _FENCED_INSTANCE:
            group = self._coordinator.group_id
            self._crash(
                NameTakenError(
                    f"another process has joined the group {group} as {self._name}: give each worker a "
                    "PLAUDIT_WORKER_INSTANCE of its own"
                )
            )
        return response

    def _reset_generation(self) -> None:
        member_id = self._coordinator.member_id
        self._reset()
        if member_id != self._unknown_id:
            self._coordinator.member_id = member_id

    def _push_error(self, error: Exception) -> Any:
        self._crash(
            GroupRefusedError(f"the group {self._coordinator.group_id} does not take this process: {error}")
        )
        return self._push(error)

    def _crash(self, error: Exception) -> None:
        if self.error is None:
            self.error = error
            self._loop.call_soon_threadsafe(lambda: self._loop.create_task(self._app.crash(error)))
