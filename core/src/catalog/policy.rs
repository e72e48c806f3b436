//! What a database was told to do with its points, and how far it got, as of a catalog's position.
use crate::format::{CatalogRoot, Policies, PolicyState, Settings};
use alloc::sync::Arc;

/// Settings, policies and how far they are carried out, as of a commit.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct StoredPolicy {
    pub(crate) settings: Settings,
    pub(crate) policies: Arc<Policies>,
    pub(crate) state: PolicyState,
}

impl StoredPolicy {
    /// Of a new database.
    pub(crate) fn new(settings: Settings) -> Self {
        Self { settings, policies: Arc::default(), state: PolicyState::default() }
    }

    /// As a superblock has it.
    pub(crate) fn of_root(root: &CatalogRoot) -> Self {
        Self {
            settings: root.settings,
            policies: Arc::new(root.policies.clone()),
            state: root.policy_state.clone(),
        }
    }
}
