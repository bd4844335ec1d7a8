//! Loops for the kernel's verifier, written out pass by pass.

/// Something that is gone through step by step.
pub trait Steps {
    /// Goes one step; `None` ends it.  To be inlined always.
    fn step(&mut self) -> Option<()>;

    /// Goes up to eight steps; `None` where one of them ended it.
    ///
    /// Of a loop's passes the verifier (seen on Linux 6.18) remembers too few states to see that paths have met again:
    /// eight passes with four ways through each cost it 30,000 steps, and 1,000 if they are written out.
    #[inline(always)]
    fn eight(&mut self) -> Option<()> {
        self.step()?;
        self.step()?;
        self.step()?;
        self.step()?;
        self.step()?;
        self.step()?;
        self.step()?;
        self.step()
    }
}
