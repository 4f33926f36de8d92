//! Closed sets of words: what the databases, the command line and JSON call the variants of an enum.
//! Also the JSON of values that are written as text ([`as_text!`]).

/// Declares enums that have words, in kebab case; JSON has the same. Alone, a name gets `ALL`, `as_str` and `parse` from
/// what strum derives for it (`IntoStaticStr`, `EnumString`, `VariantArray`).
#[macro_export]
macro_rules! words {
    ($($(#[$meta:meta])* $vis:vis enum $name:ident { $($body:tt)* })+) => { $(
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
        #[derive(strum::IntoStaticStr, strum::EnumString, strum::VariantArray)]
        #[serde(rename_all = "kebab-case")]
        #[strum(serialize_all = "kebab-case")]
        $vis enum $name { $($body)* }

        $crate::words!($name);
    )+ };
    ($($name:ident),+) => { $(
        impl $name {
            pub const ALL: [Self; <Self as strum::VariantArray>::VARIANTS.len()] =
                match <Self as strum::VariantArray>::VARIANTS.first_chunk() {
                    Some(all) => *all,
                    None => unreachable!(),
                };

            /// The word in the databases, in JSON and on the command line.
            pub fn as_str(self) -> &'static str {
                self.into()
            }

            pub fn parse(text: &str) -> Option<Self> {
                text.parse().ok()
            }
        }
    )+ };
}

/// Gives a type that has `Display` and `parse` its JSON: a text, which is checked when it is read.
#[macro_export]
macro_rules! as_text {
    ($name:ident) => {
        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
                to.collect_str(self)
            }
        }

        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
                let text = <String as serde::Deserialize>::deserialize(from)?;
                let wrong = || format!("`{text}` is no {}", stringify!($name));
                let parsed = Self::parse(&text).into_iter().next();
                parsed.ok_or_else(|| serde::de::Error::custom(wrong()))
            }
        }
    };
}
