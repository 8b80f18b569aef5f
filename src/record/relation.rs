//! How the two sides of a call are related.

use schemars::JsonSchema;
use serde::Serialize;

use super::context::{Context, is_false};
use crate::{event::Process, identity::Names};

/// What sender and target are to each other.
#[derive(Debug, Default, PartialEq, Eq, Serialize, JsonSchema)]
#[schemars(rename = "relation")]
pub struct Relation {
    /// They are one process.
    #[serde(skip_serializing_if = "is_false")]
    pub same_process: bool,
    /// They have the same real user id.
    #[serde(skip_serializing_if = "is_false")]
    pub same_user: bool,
    /// They run in the same systemd system unit.
    #[serde(skip_serializing_if = "is_false")]
    pub same_unit: bool,
    /// They run in the same container.
    #[serde(skip_serializing_if = "is_false")]
    pub same_container: bool,
    /// The target is the sender's child.
    #[serde(skip_serializing_if = "is_false")]
    pub target_is_child: bool,
    /// The target is the sender's parent.
    #[serde(skip_serializing_if = "is_false")]
    pub target_is_parent: bool,
    /// The sender descends from the target.
    #[serde(skip_serializing_if = "is_false")]
    pub target_is_ancestor: bool,
    /// The target descends from the sender.
    #[serde(skip_serializing_if = "is_false")]
    pub target_is_descendant: bool,
    /// They are in one session (setsid(2)), as those are that one terminal or service
    /// has started. Known if the sender itself ran when the signal was made.
    #[serde(skip_serializing_if = "is_false")]
    pub same_session: bool,
    /// The target is this sigtrail.
    #[serde(skip_serializing_if = "is_false")]
    pub to_sigtrail: bool,
}

impl Relation {
    /// None if one of them is not known, or the target is a group.
    pub(super) fn new(context: Context<'_>) -> Option<Self> {
        if context.signal.scope().is_group() {
            return None;
        }
        let ((sender, sender_names), (target, names)) = (context.sender?, context.target?);
        let relation = Self::between(
            (sender, sender_names),
            (&target.process, names),
            context.own_pid,
        );
        Some(Self {
            same_session: target.process.in_same_session && context.signal.sender_ran(),
            ..relation
        })
    }

    fn between(
        (sender, sender_names): (&Process, &Names),
        (target, names): (&Process, &Names),
        own_pid: u32,
    ) -> Self {
        let both = (sender_names.cgroup.as_deref(), names.cgroup.as_deref());
        let (same_unit, same_container) = match both {
            (Some(one), Some(other)) => (
                one.unit.is_some() && one.unit == other.unit,
                one.container.is_some() && one.container == other.container,
            ),
            _ => (false, false),
        };
        Self {
            same_process: sender.pid == target.pid,
            same_user: sender.uid == target.uid,
            same_unit,
            same_container,
            target_is_child: target.ppid == sender.pid,
            target_is_parent: sender.ppid == target.pid,
            target_is_ancestor: sender_names.descends_from(target),
            target_is_descendant: names.descends_from(sender),
            same_session: false,
            to_sigtrail: target.pid == own_pid,
        }
    }
}
