//! Keys on the command line: to whom a backup is encrypted, and what opens one.
use super::failure::Failure;
use chronicle::crypt::{EncryptTo, Keys, Passphrase, Recipient};
use clap::Args;
use std::path::PathBuf;

/// What opens an encrypted source.
#[derive(Args, Debug, Default)]
pub(super) struct KeyArgs {
    /// A file of age identities, as `age-keygen` writes it, that opens an encrypted source; may be given several times
    #[arg(long, value_name = "FILE")]
    identity: Vec<PathBuf>,
    /// A file whose first line is the passphrase that the source was encrypted with
    #[arg(long, value_name = "FILE")]
    passphrase_file: Option<PathBuf>,
}

/// To whom a new backup is encrypted.
#[derive(Args, Debug)]
pub(super) struct EncryptArgs {
    /// Encrypt to this age recipient (made with `age-keygen`); may be given several times. This host then can't read what it
    /// writes
    #[arg(long, value_name = "age1...")]
    encrypt_to: Vec<String>,
    /// Encrypt to the age recipients in this file, one a line
    #[arg(long, value_name = "FILE")]
    encrypt_to_file: Option<PathBuf>,
    /// Encrypt with the passphrase that is the first line of this file
    #[arg(long, value_name = "FILE", conflicts_with_all = ["encrypt_to", "encrypt_to_file"])]
    passphrase_file: Option<PathBuf>,
    /// Encrypt to other recipients than the newest point of the repository; older points stay as they are
    #[arg(long, requires = "delta")]
    change_recipients: bool,
    /// A file of age identities that opens the points that are there, where this host may read them; may be given several
    /// times
    #[arg(long, value_name = "FILE", requires = "delta")]
    identity: Vec<PathBuf>,
}

impl KeyArgs {
    pub(super) fn keys(&self) -> Result<Keys, Failure> {
        let keys = with_identities(&self.identity)?;
        Ok(match &self.passphrase_file {
            Some(path) => keys.passphrase(Passphrase::read(path)?),
            None => keys,
        })
    }
}

fn with_identities(files: &[PathBuf]) -> Result<Keys, Failure> {
    let mut keys = Keys::none();
    for path in files {
        keys = keys.identity_file(path)?;
    }
    Ok(keys)
}

impl EncryptArgs {
    /// `None` where nothing is asked for.
    pub(super) fn encrypt_to(&self) -> Result<Option<EncryptTo>, Failure> {
        if let Some(path) = &self.passphrase_file {
            return Ok(Some(EncryptTo::Passphrase(Passphrase::read(path)?)));
        }
        let mut recipients = Vec::new();
        for text in &self.encrypt_to {
            let recipient: Recipient = text.parse().map_err(Failure::Usage)?;
            recipients.push(recipient);
        }
        if let Some(path) = &self.encrypt_to_file {
            recipients.extend(EncryptTo::recipients_of_file(path)?);
        }
        match recipients.is_empty() && self.encrypt_to_file.is_none() {
            true => Ok(None),
            false => Ok(Some(EncryptTo::recipients(recipients)?)),
        }
    }

    pub(super) fn keys(&self) -> Result<Keys, Failure> {
        with_identities(&self.identity)
    }

    pub(super) fn changes_recipients(&self) -> bool {
        self.change_recipients
    }
}
