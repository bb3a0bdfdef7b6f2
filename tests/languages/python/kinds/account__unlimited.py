class Account:
    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._booked: list[int] = []

    @property
    def balance(self) -> int:
        return sum(self._booked)

    def deposit(self, amount: int) -> int:
        if amount < 0:
            raise ValueError("the amount cannot be deposited")
        self._booked.append(amount)
        return self.balance

    def withdraw(self, amount: int) -> None:
        if amount < 0:
            raise ValueError("the amount is negative")
        if amount > self.balance:
            raise Overdrawn("there is not so much")
        self._booked.append(-amount)

    def entries(self) -> list[int]:
        return list(self._booked)
