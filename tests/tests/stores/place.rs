//! Stores of these tests.
use chronicle::destination::{Destination, Job, ObjectName, S3Backend, S3Config, Secret};
use chronicle_tests::http::ask;
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

/// What must never be printed.
pub(crate) const SECRET: &str = "geheim-8472";
const KEY_ID: &str = "KEYID";
pub(crate) const JOB: Job = Job([7; 16]);

/// A backend with everything said, so that the environment of the tests does not count.
pub(crate) fn backend(url: &str, prefix: &str) -> S3Backend {
    backend_of(url, prefix, KEY_ID, SECRET)
}

pub(crate) fn backend_of(url: &str, prefix: &str, key_id: &str, secret: &str) -> S3Backend {
    let config = S3Config {
        bucket: "bucket".into(),
        prefix: prefix.into(),
        region: Some("us-east-1".into()),
        endpoint: Some(url.into()),
        path_style: Some(true),
        access_key_id: Some(key_id.into()),
        secret_access_key: Some(Secret::new(secret)),
        session_token: None,
    };
    S3Backend::new(config).unwrap().retry_time_max(Duration::from_secs(3))
}

pub(crate) fn destination(url: &str) -> Arc<dyn Destination> {
    backend(url, "pre fix/x").at("").unwrap()
}

pub(crate) fn name(name: &str) -> ObjectName {
    ObjectName::new(name).unwrap()
}

pub(crate) fn make_bucket(url: &str) {
    assert_eq!(ask(url, "PUT", "/bucket", b"").0, 200);
}

/// The program, with the environment of an S3 user.
pub(crate) fn with_s3(command: &mut Command, url: &str) {
    command
        .env("AWS_ACCESS_KEY_ID", KEY_ID)
        .env("AWS_SECRET_ACCESS_KEY", SECRET)
        .env("AWS_ENDPOINT_URL", url)
        .env("AWS_REGION", "us-east-1");
}

/// The same of an Azure user, whose account is that of every Azurite.
pub(crate) fn with_azure(command: &mut Command, url: &str) {
    use crate::contract::{ACCOUNT, KEY};
    command
        .env("AZURE_STORAGE_ACCOUNT_NAME", ACCOUNT)
        .env("AZURE_STORAGE_ACCOUNT_KEY", KEY)
        .env("AZURE_STORAGE_ENDPOINT", format!("{url}/{ACCOUNT}"));
}
