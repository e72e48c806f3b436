//! Golden files of the program `age` 1.1.1, and what no file may do.
use super::*;
use crate::destination::{Body, Bytes};
use crate::error::ErrorKind;
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use chronicle_core::ids::Hash;
use chronicle_core::source::ByteRange;
use std::collections::BTreeSet;

const IDENTITY: &str = "AGE-SECRET-KEY-1W7QWC8EPNCXZ5AY09GGA0A983STAPG2U3NXA7KE3GGTM4PCSXX0SA55CPL";
const RECIPIENT: &str = "age1r5j5qdvgr4jalezltqt4wnfekevfs65wglvj7wdpv0ctjstqtedqw2e4rn";
/// `hello`, encrypted to it by `age -r`.
const HELLO: &str = "YWdlLWVuY3J5cHRpb24ub3JnL3YxCi0+IFgyNTUxOSBGMHdTRHVxSmpTa0JxREVYU3JPbnk0Z0xHd0pUeVpHUWFSSzQ2TTlqMlhzCnQ5Yy9iOWYyOWVJcHpSeEFlbmRjeXB1TVk2QWZMaXhMZzB6SjZRQUZLUHMKLS0tIERBejlHdmdwczQrYUx4WUQyb25oTVdmVVN6L1Z5Q3VWOVFnbTdwc0l0VkkK61GcFBR9xeECipDzqRl9ruSken3To4tHi1eGxFIxac9Gly5mEw==";
/// Nothing, encrypted to it.
const EMPTY: &str = "YWdlLWVuY3J5cHRpb24ub3JnL3YxCi0+IFgyNTUxOSBtMEJRemFzYnVzNS9YdDF2TDZGeW8vYkVUcW9SR0ZhNGJScXliTFJ6UlZ3ClhVYXQzVVdBa042NytkNm15QS9Ha2FUYTVITEdZdUIxVUljTDNlaTZwSG8KLS0tIE1WeEVHR1B4THBJcXBSamp4WGJGN0E4eWRTa21oYjVYY1FhT2ZLUXpKTWMK11/sDaPwCFVAYyufHuO2sD8XJabNjEN79RPyWyh3jmc=";
/// `hello`, by `age -p`.
const UNDER_PASSPHRASE: &str = "YWdlLWVuY3J5cHRpb24ub3JnL3YxCi0+IHNjcnlwdCBUaDVrWjk5elg3b2kxQXFSS2l5SmVnIDE4CmF2emJSQ0s1c0F6ZGpNM21ac3hyUnRSSGZKYVRVamlaQkNHNGpqQzlNUGcKLS0tIE1OYm8wcEpNZzhYSHZDejBSZC9EcGlVZnJYMW5TNkIxcDRQN1Z4UzQrUmMKIXMeziVSbIn4KB+pajR+f17Mya6Hv3qfWcKO8lOd6H9WcnjLMA==";

fn bytes(text: &str) -> Vec<u8> {
    BASE64_STANDARD.decode(text).unwrap()
}

fn identity() -> Identity {
    Identity::parse_file(IDENTITY).unwrap().remove(0)
}

fn keys() -> Keys {
    Keys::none().identity(identity())
}

fn other() -> Keys {
    Keys::none().identity(Identity::random().unwrap())
}

fn encrypted(plain: &[u8], recipients: &[Recipient]) -> Vec<u8> {
    let (body, to) = (Bytes(plain), recipients.iter().copied().collect::<BTreeSet<_>>());
    let body = EncryptedBody::new(&Secret([5; 32]), &to, &"base/data.db", &Hash::of(plain), &body).unwrap();
    let mut bytes = vec![0; body.len() as usize];
    body.read_exact_at(0, &mut bytes).unwrap();
    bytes
}

#[test]
fn keys_read_back_as_the_program_age_writes_them() {
    assert_eq!(identity().recipient().to_string(), RECIPIENT);
    assert_eq!(RECIPIENT.parse::<Recipient>().unwrap(), identity().recipient());
    assert_eq!(identity().to_secret_text(), IDENTITY);
    let file = format!("# created: today\n# public key: {RECIPIENT}\n\n{IDENTITY}\r\n");
    assert_eq!(Identity::parse_file(&file).unwrap().len(), 1);
    for wrong in ["", "age1", &RECIPIENT[..61], &RECIPIENT.replace('q', "p"), IDENTITY, "ssh-ed25519 AAAA"] {
        assert!(wrong.parse::<Recipient>().is_err(), "{wrong}");
    }
    for wrong in ["", "# nothing", RECIPIENT, "AGE-PLUGIN-X-1", &IDENTITY[..70]] {
        let error = Identity::parse_file(wrong).unwrap_err();
        assert!(!error.to_string().contains("AGE-PLUGIN"), "a message repeats nothing of a key: {error}");
    }
    let shown = format!("{:?} {:?} {:?}", identity(), keys(), Passphrase::new("correct horse").unwrap());
    assert!(!shown.contains("SECRET") && !shown.contains("horse"), "{shown}");
}

#[test]
fn files_of_the_program_age_are_opened() {
    assert_eq!(decrypt(&bytes(HELLO), &keys(), &[]).unwrap(), b"hello");
    assert_eq!(decrypt(&bytes(EMPTY), &keys(), &[]).unwrap(), b"");
    let passphrase = Passphrase::new("correct horse").unwrap();
    let with = Keys::none().passphrase(passphrase.clone());
    assert_eq!(decrypt(&bytes(UNDER_PASSPHRASE), &with, &[]).unwrap(), b"hello");
    let ours = encrypt(&passphrase, b"ours").unwrap();
    assert_eq!(decrypt(&ours, &with, &[]).unwrap(), b"ours");
    let wrong = Keys::none().passphrase(Passphrase::new("Correct horse").unwrap());
    assert_eq!(decrypt(&ours, &wrong, &[]).unwrap_err().kind(), ErrorKind::Permission);
}

#[test]
fn each_of_several_recipients_opens_and_nobody_else() {
    let (a, b) = (Identity::random().unwrap(), Identity::random().unwrap());
    let file = encrypted(b"for two", &[a.recipient(), b.recipient()]);
    for one in [a, b] {
        assert_eq!(decrypt(&file, &Keys::none().identity(one), &[]).unwrap(), b"for two");
    }
    assert_eq!(decrypt(&file, &other(), &[]).unwrap_err().kind(), ErrorKind::Permission);
    assert_eq!(decrypt(&file, &Keys::none(), &[]).unwrap_err().kind(), ErrorKind::InvalidInput);
}

#[test]
fn the_same_content_gives_the_same_bytes_and_another_one_shares_none_of_the_keys() {
    let to = [identity().recipient()];
    let (one, again, two) = (encrypted(b"one", &to), encrypted(b"one", &to), encrypted(b"two", &to));
    assert_eq!(one, again);
    // Not even the ephemeral share is the same.
    assert_ne!(one[..80], two[..80]);
    let nonce = |file: &[u8]| file[Header::parse(file).unwrap().len()..][..16].to_vec();
    assert_ne!(nonce(&one), nonce(&two));
}

#[test]
fn a_body_gives_the_same_bytes_in_any_window() {
    let plain: Vec<u8> = (0..700_001u32).map(|at| ((at * 7) >> 2) as u8).collect();
    let (body, to) = (Bytes(&plain), BTreeSet::from([identity().recipient()]));
    let body = EncryptedBody::new(&Secret([1; 32]), &to, &"x", &Hash::of(&plain), &body).unwrap();
    let mut whole = vec![0; body.len() as usize];
    body.read_exact_at(0, &mut whole).unwrap();
    for (start, end) in [(0, 1), (100, 300), (150, 70_000), (65_700, 65_900), (699_000, whole.len())] {
        let mut part = vec![0; end - start];
        body.read_exact_at(start as u64, &mut part).unwrap();
        assert!(part == whole[start..end], "{start}..{end}");
    }
    assert!(body.read_exact_at(1, &mut whole.clone()).is_err());
    assert!(decrypt(&whole, &keys(), &[]).unwrap() == plain);
    let open = OpenObject::new(&whole[..4_112], whole.len() as u64, &keys(), &[]).unwrap();
    let range = ByteRange::new(131_000, 200);
    let stored = open.stored(range).unwrap();
    assert_eq!(stored.len, 2 * 65_552);
    let sealed = &whole[stored.offset as usize..stored.end() as usize];
    assert_eq!(open.read(range, sealed).unwrap(), plain[131_000..131_200]);
}

#[test]
fn every_flipped_bit_of_a_file_is_damage_to_whoever_has_the_right_key() {
    let file = encrypted(b"hello", &[identity().recipient()]);
    let recipients = [RECIPIENT.to_owned()];
    for at in 0..file.len() {
        for bit in 0..8 {
            let mut changed = file.clone();
            changed[at] ^= 1 << bit;
            let error = decrypt(&changed, &keys(), &recipients).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Damaged, "byte {at}, bit {bit}: {error}");
        }
    }
    for len in 0..file.len() {
        assert_eq!(
            decrypt(&file[..len], &keys(), &recipients).unwrap_err().kind(),
            ErrorKind::Damaged,
            "{len}"
        );
    }
    assert!(decrypt(&[file, vec![0]].concat(), &keys(), &recipients).is_err());
}

#[test]
fn a_strangers_passphrase_stanza_may_not_take_hours() {
    let text = "age-encryption.org/v1\n-> scrypt AAAAAAAAAAAAAAAAAAAAAA 40\n\
                AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\n--- AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\n";
    let with = Keys::none().passphrase(Passphrase::new("x").unwrap());
    let error = decrypt(text.as_bytes(), &with, &[]).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unsupported, "{error}");
}
