//! Addresses that were pasted into a form, or lines of a CSV file.

use std::collections::HashSet;

use license_domain::EmailAddress;

/// How many invalid addresses are shown.
const SHOWN: usize = 20;

/// The addresses without duplicates, compared as in the API; or what is wrong with them.
pub fn read(text: &str, max: usize) -> Result<Vec<EmailAddress>, Vec<String>> {
    let is_between = |c: char| c.is_whitespace() || c == ',' || c == ';';
    let given: Vec<&str> = text.split(is_between).filter(|word| !word.is_empty()).collect();
    if given.is_empty() {
        return Err(vec!["Enter at least one address.".to_owned()]);
    }
    if given.len() > max {
        return Err(vec![format!("These are {} addresses; {max} are possible at once.", given.len())]);
    }
    let (mut emails, mut named, mut wrong) = (Vec::new(), HashSet::new(), Vec::new());
    for word in given {
        match EmailAddress::parse(word) {
            Ok(email) if named.insert(email.key()) => emails.push(EmailAddress::on_record(email.key().as_str())),
            Ok(_) => {}
            Err(_) => wrong.push(format!("“{word}” is not a valid email address.")),
        }
    }
    wrong.truncate(SHOWN);
    if wrong.is_empty() { Ok(emails) } else { Err(wrong) }
}

/// The addresses as a form carries them on.
pub fn text(emails: &[EmailAddress]) -> String {
    emails.iter().map(EmailAddress::as_given).collect::<Vec<_>>().join("\n")
}
