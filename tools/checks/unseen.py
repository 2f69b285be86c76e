"""The alterations of equations that no check can see, and why."""

# Number of the notebook -> reason -> the altered lines.
WHY = {
    "03": {
        "(3.1) is the formula that is shown to be wrong, and gives noise; so does noise of another sign or step": """
            printed = (1 - betas[t - 2]).sqrt() * printed - betas[t - 1].sqrt() * eta  # Eq. 3.1
            printed = (1 - betas[t - 1]).sqrt() * printed + betas[t - 1].sqrt() * eta  # Eq. 3.1
            printed = (1 - betas[t - 1]).sqrt() * printed - betas[t - 2].sqrt() * eta  # Eq. 3.1
            known = keep * known + add * etas[t - 1]  # Eq. 3.1 with the very noise that was added
            known = keep * known - add * etas[t - 2]  # Eq. 3.1 with the very noise that was added
            """,
        "eta is 0 or 1": """
            variance = eta**3 * (1 - ab_s) / (1 - ab_t) * (1 - ab_t / ab_s)  # Eq. 3.10
            """,
    },
    "07": {
        "alpha_bar_T is 0": """
            x0_hat = alpha_bar_T*0.5 * x - (1 - alpha_bar_T) ** 0.5 * v  # Eq. 7.3
            x0_hat = alpha_bar_T**1.5 * x - (1 - alpha_bar_T) ** 0.5 * v  # Eq. 7.3
            x0_hat = alpha_bar_T**0.5 / x - (1 - alpha_bar_T) ** 0.5 * v  # Eq. 7.3
            x0_hat = alpha_bar_T**0.5 * x - (1 + alpha_bar_T) ** 0.5 * v  # Eq. 7.3
            x0_hat = alpha_bar_T**0.5 * x - (1 - alpha_bar_T) ** 1.5 * v  # Eq. 7.3
            """,
    },
}
UNSEEN = {
    (number, line.strip())
    for number, reasons in WHY.items()
    for lines in reasons.values()
    for line in lines.strip().splitlines()
}
