//! Closed sets of words: what the databases, the command line and JSON call the variants of an enum.

/// Gives an enum its words, from what strum derives for it (`IntoStaticStr`, `EnumString`,
/// `VariantArray`): `ALL`, `as_str` and `parse`.
#[macro_export]
macro_rules! words {
    ($name:ident) => {
        impl $name {
            /// Every one, in order.
            pub const ALL: [Self; <Self as strum::VariantArray>::VARIANTS.len()] = {
                let all = <Self as strum::VariantArray>::VARIANTS;
                let mut array = [all[0]; <Self as strum::VariantArray>::VARIANTS.len()];
                let mut at = 0;
                while at < array.len() {
                    array[at] = all[at];
                    at += 1;
                }
                array
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
