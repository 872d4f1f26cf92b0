"""TPC-H in each dialect: who agrees with what a person says."""
