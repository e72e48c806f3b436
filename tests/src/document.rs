//! Fenced blocks of the documents, for tests that run what is printed.
use std::path::Path;

/// A fenced block.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Block {
    /// What stands behind the fence.
    pub language: String,
    /// The heading (`## `) that it stands under.
    pub section: String,
    /// The lines between.
    pub text: String,
}

/// The text of a document; `name` is its path from the repository's root.
pub fn document(name: &str) -> String {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    std::fs::read_to_string(root.join(name)).unwrap()
}

/// Its blocks, in order.
pub fn blocks(name: &str) -> Vec<Block> {
    let mut blocks: Vec<Block> = Vec::new();
    let (mut open, mut section) = (false, String::new());
    for line in document(name).lines() {
        match line.strip_prefix("```") {
            Some(language) if !open => {
                let language = language.to_owned();
                blocks.push(Block { language, section: section.clone(), text: String::new() });
                open = true;
            }
            Some(_) => open = false,
            None if open => {
                let block = blocks.last_mut().unwrap();
                block.text.push_str(line);
                block.text.push('\n');
            }
            None => {
                if let Some(heading) = line.strip_prefix("## ") {
                    section = heading.to_owned();
                }
            }
        }
    }
    blocks
}
