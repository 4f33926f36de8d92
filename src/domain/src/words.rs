//! Closed sets of words: what the databases, the command line and JSON call the variants of an enum.

/// Gives an enum its words, from what strum derives for it (`IntoStaticStr`, `EnumString`,
/// `VariantArray`): `ALL`, `as_str` and `parse`.
#[macro_export]
macro_rules! words {
    ($name:ident) => {
        impl $name {
            /// Every one, in order.
            pub const ALL: [Self; <Self as strum::VariantArray>::VARIANTS.len()] =
                match <Self as strum::VariantArray>::VARIANTS.first_chunk() {
                    Some(all) => *all,
                    None => unreachable!(),
                };

            /// The word in the databases, in JSON and on the command line.
            #[must_use]
            pub fn as_str(self) -> &'static str {
                self.into()
            }

            /// Reads what [`Self::as_str`] writes.
            #[must_use]
            pub fn parse(text: &str) -> Option<Self> {
                text.parse().ok()
            }
        }
    };
}
