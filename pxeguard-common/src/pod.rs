//! Map keys and values are plain old data: declared once, asserted once.

/// Declares that a type may be copied to and from a map byte by byte, and asserts that it has no implicit padding.
macro_rules! pod {
    ($type:ty, $($field_size:expr),+ $(,)?) => {
        const _: () = assert!(size_of::<$type>() == 0 $(+ $field_size)+);
        // SAFETY: repr(C), no implicit padding (asserted above), all bit patterns valid.
        #[cfg(feature = "user")]
        unsafe impl aya::Pod for $type {}
    };
}
pub(crate) use pod;
