//! The XML of S3: small documents written by hand and read with a real parser.
//!
//! Namespaces are written and not checked, because older clients leave them out.

use super::S3Error;

/// Namespace of every answer but errors.
const NAMESPACE: &str = "http://s3.amazonaws.com/doc/2006-03-01/";

/// Writes an element with a text.
pub(super) fn text(name: &str, text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\r' => escaped.push_str("&#13;"),
            c => escaped.push(c),
        }
    }
    format!("<{name}>{escaped}</{name}>")
}

/// Writes an element around others.
pub(super) fn element(name: &str, members: &[String]) -> String {
    format!("<{name}>{}</{name}>", members.concat())
}

/// Writes an answer.
pub(super) fn answer(name: &str, members: &[String]) -> String {
    document(&format!("<{name} xmlns=\"{NAMESPACE}\">{}</{name}>", members.concat()))
}

/// Puts the declaration before a root element.
pub(super) fn document(root: &str) -> String {
    format!("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n{root}")
}

/// Reads the text of the first element of this name anywhere in a document; `None` if there is none.
pub(super) fn find(body: &[u8], name: &str) -> Result<Option<String>, S3Error> {
    let text = std::str::from_utf8(body).map_err(|_| S3Error::MalformedXml)?;
    if text.trim().is_empty() {
        return Ok(None);
    }
    let document = roxmltree::Document::parse(text).map_err(|_| S3Error::MalformedXml)?;
    let found = document.descendants().find(|node| node.tag_name().name() == name);
    Ok(found.map(|node| node.text().unwrap_or_default().trim().to_owned()))
}

/// Reads the members of every element of this name.
pub(super) fn find_all(body: &[u8], name: &str) -> Result<Vec<Vec<(String, String)>>, S3Error> {
    let text = std::str::from_utf8(body).map_err(|_| S3Error::MalformedXml)?;
    let document = roxmltree::Document::parse(text).map_err(|_| S3Error::MalformedXml)?;
    let elements = document.descendants().filter(|node| node.tag_name().name() == name);
    let members = |node: roxmltree::Node<'_, '_>| {
        node.children()
            .filter(roxmltree::Node::is_element)
            .map(|member| {
                let text = member.text().unwrap_or_default().trim().to_owned();
                (member.tag_name().name().to_owned(), text)
            })
            .collect()
    };
    Ok(elements.map(members).collect())
}
