//! Each enum has one text for each value, in the store, on the wire, in logs and in metrics.

use std::{fmt::Debug, str::FromStr};

use serde::{Serialize, de::DeserializeOwned};
use serde_json::{from_value, to_value};
use strum::VariantArray;

use crate::{ChangeReason, EventKind, LicenseStatus, LicenseTypesToCopy, MailKind};

fn check<T>()
where
    T: Copy + Debug + DeserializeOwned + Into<&'static str> + PartialEq + Serialize + VariantArray,
{
    assert!(T::VARIANTS.len() > 2);
    for variant in T::VARIANTS {
        let text: &'static str = (*variant).into();
        assert_eq!(to_value(variant).expect("JSON"), text);
        assert_eq!(from_value::<T>(text.into()).expect("the same"), *variant);
    }
}

fn check_parsing<T: Copy + Debug + FromStr + Into<&'static str> + PartialEq + VariantArray>() {
    for variant in T::VARIANTS {
        let text: &'static str = (*variant).into();
        assert_eq!(text.parse::<T>().ok(), Some(*variant));
        assert!(text.to_uppercase().parse::<T>().is_err(), "{text} in capitals is another text");
    }
}

#[test]
fn the_stored_text_is_the_logged_and_parsed_text() {
    check::<ChangeReason>();
    check::<EventKind>();
    check::<LicenseStatus>();
    check::<LicenseTypesToCopy>();
    check::<MailKind>();
    check_parsing::<ChangeReason>();
    check_parsing::<LicenseStatus>();
    check_parsing::<LicenseTypesToCopy>();
}
