"""
In which order workers are replaced by others that have what they have not.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from .posts import Post, Stage


class Rota:
    """
    Replaces all workers that there are, one after another: who leaves has its place
    taken, and another one serves all the time.
    """

    def __init__(self, posts: Sequence[Post], letGo: Callable[[Post], None]) -> None:
        """
        @param letGo: tells one to see its clients out, and to end.
        """
        self._posts = posts
        self._letGo = letGo
        #: Whose turn is still to come, with their processes: who has another one by
        #: then has been replaced.
        self._left: list[tuple[Post, int]] = []

    def begin(self) -> None:
        """All that are there now are to be replaced."""
        self._left = [(post, post.pid) for post in self._posts if post.hasProcess]
        self.go()

    def forget(self) -> None:
        """There is nobody left to be replaced."""
        self._left.clear()

    def go(self) -> None:
        """Go on, if it is time; to be called when one serves."""
        if any(post.leaves for post in self._posts):
            return
        while self._left:
            post, pid = self._left[0]
            replaced = post.pid != pid
            if not (replaced or self._mayGo(post)):
                return
            del self._left[0]
            if not replaced:
                post.leaves = True
                self._letGo(post)
                return

    def _mayGo(self, going: Post) -> bool:
        """Is there another that serves, and none about to begin?"""
        others = [post for post in self._posts if post is not going]
        serve = any(post.stage is Stage.SERVING for post in others)
        return serve and not any(post.begins for post in others)


__all__ = ["Rota"]
