"""The interface: tags, what carries them, and the rules that assign them."""

from __future__ import annotations

from abc import ABC, abstractmethod

from diundashboard.model import NOBODY, Actor, Rule, Tag


class Tags(ABC):
    """Tags of images. Every change is in the audit."""

    @abstractmethod
    def tags(self) -> tuple[Tag, ...]:
        """Every tag with the number of its updates, sorted by name, first without regard to the case of A to Z."""

    @abstractmethod
    def create_tag(self, name: str, by: Actor = NOBODY) -> Tag:
        """Add a tag.

        Raises:
            Invalid: the name is empty or too long.
            Conflict: a tag has this name.
        """

    @abstractmethod
    def change_tag(self, tag_id: int, name: str, colour: int, by: Actor = NOBODY) -> Tag:
        """Change a tag's name and its colour, one of twelve.

        Raises:
            Invalid: the name is empty or too long, or there is no such colour.
            NotFound: no tag has this id.
            Conflict: another tag has this name.
        """

    @abstractmethod
    def delete_tag(self, tag_id: int, by: Actor = NOBODY) -> None:
        """Delete a tag with its assignments and rules.

        Raises:
            NotFound: no tag has this id.
        """

    @abstractmethod
    def has_tag(self, tag_id: int) -> bool:
        """Whether a tag has this id."""

    @abstractmethod
    def assign_tag(self, reference: str, tag_id: int, by: Actor = NOBODY) -> str:
        """Tag a repository, or one exact image if the reference has a version; return the reference as stored.

        This replaces the tag that the reference had. The tag of an exact image takes precedence over its repository's.

        Raises:
            Invalid: the reference is blank.
            NotFound: no tag has this id.
        """

    @abstractmethod
    def unassign_tag(self, reference: str, by: Actor = NOBODY) -> None:
        """Remove the tag of a repository or an exact image. Without a tag, this does nothing.

        Raises:
            Invalid: the reference is blank.
        """

    @abstractmethod
    def rules(self) -> tuple[Rule, ...]:
        """The rules that tag repositories, sorted by pattern."""

    @abstractmethod
    def create_rule(self, pattern: str, tag_id: int, by: Actor = NOBODY) -> Rule:
        """Add a rule, and tag what it matches unless it has another tag. The longest matching pattern wins.

        Raises:
            Invalid: the pattern is empty or too long.
            NotFound: no tag has this id.
            Conflict: a rule has this pattern.
        """

    @abstractmethod
    def delete_rule(self, rule_id: int, by: Actor = NOBODY) -> None:
        """Delete a rule and its assignments.

        Raises:
            NotFound: no rule has this id.
        """
