//! `chronicle dest`: what destinations can do.
use super::progress::while_working;
use super::report::print;
use super::{Outcome, Status};
use chronicle::destination::conformance::{Options, run};
use chronicle::destination::{Settings, open_with};
use clap::{Args, Subcommand};
use std::time::Duration;

/// A server that fails is a finding here, and not waited for as long as a backup would.
const RETRY_TIME_MAX: Duration = Duration::from_secs(10);

/// Look at destinations of backups
#[derive(Args)]
#[command(after_help = "\
Examples:
  chronicle dest test /backup/repo
  chronicle dest test s3://bucket/backups
  chronicle dest test file:///mnt/nas/backups --json")]
pub(super) struct Dest {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Subcommand)]
enum Verb {
    Test(Test),
}

/// Find out whether backups can rely on a destination, by trying everything that they need there
#[derive(Args)]
#[command(after_help = "\
It works in a folder chronicle-test-<random> of the destination, needs about 100 MB there, and deletes all of it again.
Other objects are not touched. Exit status 1 when a check fails that backups need.

Keys, endpoint and region of a store come from the environment: AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_REGION,
AWS_ENDPOINT_URL; AZURE_STORAGE_ACCOUNT_NAME, AZURE_STORAGE_ACCOUNT_KEY; GOOGLE_APPLICATION_CREDENTIALS.

Examples:
  chronicle dest test s3://bucket/backups
  chronicle dest test https://user@nas/dav/backups --single-writer
  chronicle dest test /backup/repo
  chronicle dest test /mnt/nas --single-writer")]
struct Test {
    /// A path, or file:///path, s3://bucket/prefix, gs://bucket/prefix, az://container/prefix, http(s)://host/path (WebDAV)
    url: String,
    /// Declare that one host only will ever write there: then exclusive creation is not needed
    #[arg(long)]
    single_writer: bool,
}

impl Dest {
    pub(super) fn run(&self, json: bool) -> Outcome {
        match &self.verb {
            Verb::Test(verb) => verb.run(json),
        }
    }
}

impl Test {
    fn run(&self, json: bool) -> Outcome {
        let destination = open_with(
            &self.url,
            Settings {
                single_writer: self.single_writer,
                retry_time_max: Some(RETRY_TIME_MAX),
                ..Settings::default()
            },
        )?;
        let card = while_working("testing", || run(&*destination, &Options::default()))?;
        print(&if json { format!("{}\n", card.to_json()) } else { card.to_string() })?;
        Ok(if card.passed() { Status::Done } else { Status::Incomplete })
    }
}
