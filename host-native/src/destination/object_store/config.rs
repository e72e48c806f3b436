//! A typed way to name an S3 store, for programs that do not use environment variables.
use super::{ObjectStoreDestination, Store};
use crate::destination::{Destination, Settings};
use crate::error::Result;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

/// Where an S3 bucket is, and whose keys open it. What is `None` comes from the usual environment variables.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct S3Config {
    /// The bucket, which must be there.
    pub bucket: String,
    /// What the names of all objects begin with; may be empty.
    pub prefix: String,
    /// `AWS_REGION`, `AWS_DEFAULT_REGION`; else us-east-1.
    pub region: Option<String>,
    /// The URL of a server other than Amazon's: `AWS_ENDPOINT_URL`.
    pub endpoint: Option<String>,
    /// The bucket's name in the path (true, the default) or in the host.
    pub path_style: Option<bool>,
    /// `AWS_ACCESS_KEY_ID`.
    pub access_key_id: Option<String>,
    /// `AWS_SECRET_ACCESS_KEY`.
    pub secret_access_key: Option<Secret>,
    /// `AWS_SESSION_TOKEN`.
    pub session_token: Option<Secret>,
}

/// Text that is not printed.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// Keeps it.
    pub fn new(secret: impl Into<String>) -> Self {
        Self(secret.into())
    }

    pub(super) fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("(secret)")
    }
}

/// An S3 bucket that backups go to.
#[derive(Clone, Debug)]
pub struct S3Backend {
    config: S3Config,
    settings: Settings,
}

impl S3Backend {
    /// Checks the configuration; asks nothing of the store yet.
    pub fn new(config: S3Config) -> Result<Self> {
        let backend = Self { config, settings: Settings::default() };
        backend.at("")?;
        Ok(backend)
    }

    /// Declares that one host only ever writes there; needed where the store has no creation that one of several wins.
    #[must_use]
    pub fn single_writer(mut self) -> Self {
        self.settings.single_writer = true;
        self
    }

    /// How long a request that fails in a passing way is made again; two minutes by default.
    #[must_use]
    pub fn retry_time_max(mut self, time_max: Duration) -> Self {
        self.settings.retry_time_max = Some(time_max);
        self
    }

    /// The destination below a prefix of the backend's own.
    pub fn at(&self, prefix: &str) -> Result<Arc<dyn Destination>> {
        let parts = [&self.config.prefix, prefix].map(|part| part.trim_matches('/'));
        let prefix = parts.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join("/");
        let store = Store::s3_of(&S3Config { prefix, ..self.config.clone() })?;
        Ok(Arc::new(ObjectStoreDestination::new(store, self.settings)?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_secret_is_ever_printed() {
        let config = S3Config {
            bucket: "b".into(),
            region: Some("eu-west-1".into()),
            access_key_id: Some("AKIA".into()),
            secret_access_key: Some(Secret::new("geheim")),
            session_token: Some(Secret::new("geheim")),
            ..S3Config::default()
        };
        let backend = S3Backend::new(config.clone()).unwrap();
        let destination = backend.at("x/").unwrap();
        for text in [format!("{config:?} {backend:#?}"), destination.place()] {
            assert!(!text.contains("geheim"), "{text}");
        }
        assert_eq!(destination.place(), "s3://b/x");
        assert!(S3Backend::new(S3Config::default()).is_err(), "a bucket is needed");
    }
}
