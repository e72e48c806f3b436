//! What a server answers to PROPFIND: which paths are there, and what they are. Reads only what is asked for; tolerant of
//! prefixes and order, as servers differ.

/// One path of the answer.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Found {
    /// Decoded, without scheme and host, without a slash at the end.
    pub(crate) path: String,
    pub(crate) is_folder: bool,
    pub(crate) size: Option<u64>,
}

pub(crate) fn parse(xml: &str) -> Vec<Found> {
    let mut all = Vec::new();
    let mut one: Option<Found> = None;
    let mut rest = xml;
    while let Some((_, behind)) = rest.split_once('<') {
        let Some((tag, text)) = behind.split_once('>') else { break };
        let value = || text.split('<').next().unwrap_or_default().trim();
        match (local(tag), &mut one) {
            ("response", _) if !tag.starts_with('/') => one = Some(Found::default()),
            ("response", done) => all.extend(done.take()),
            (_, Some(_)) if tag.starts_with('/') => {}
            ("href", Some(one)) => one.path = path(value()),
            ("collection", Some(one)) => one.is_folder = true,
            ("getcontentlength", Some(one)) => one.size = value().parse().ok(),
            _ => {}
        }
        rest = text;
    }
    all
}

/// The name of an element without its prefix, its slash and its attributes.
fn local(tag: &str) -> &str {
    let name = tag.trim_start_matches('/').split([' ', '/', '\t', '\n', '\r']).next().unwrap_or_default();
    name.rsplit(':').next().unwrap_or_default()
}

fn path(href: &str) -> String {
    let mut href = href.to_owned();
    for (entity, c) in
        [("&lt;", "<"), ("&gt;", ">"), ("&quot;", "\""), ("&apos;", "'"), ("&#39;", "'"), ("&amp;", "&")]
    {
        href = href.replace(entity, c);
    }
    let path = match href.split_once("://") {
        Some((_, rest)) => rest.find('/').map_or("", |at| &rest[at..]),
        None => &href,
    };
    decoded(path.trim_end_matches('/'))
}

fn decoded(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&byte, behind)) = rest.split_first() {
        let digits = behind.get(..2).and_then(|digits| std::str::from_utf8(digits).ok());
        match digits.and_then(|digits| u8::from_str_radix(digits, 16).ok()).filter(|_| byte == b'%') {
            Some(decoded) => {
                bytes.push(decoded);
                rest = &behind[2..];
            }
            None => {
                bytes.push(byte);
                rest = behind;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}
