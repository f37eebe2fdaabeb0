"""Documents as rows of Spark, and rows as documents."""
