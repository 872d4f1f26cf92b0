"""The kernel process: GovernedKernel, its provisioner, confinement and magics."""
