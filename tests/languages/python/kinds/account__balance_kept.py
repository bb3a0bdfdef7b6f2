class Account:
    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._amounts: tuple[int, ...] = ()
        self.balance = 0

    def _book(self, amount: int) -> None:
        self._amounts += (amount,)
        self.balance += amount

    def deposit(self, amount: int) -> int:
        if not 0 <= amount <= self._limit - self.balance:
            raise ValueError(f"{amount} cannot be deposited")
        self._book(amount)
        return self.balance

    def withdraw(self, amount: int) -> None:
        if amount < 0:
            raise ValueError("less than nothing")
        if amount > self.balance:
            raise Overdrawn(f"{amount} is more than {self.balance}")
        self._book(-amount)

    def entries(self) -> list[int]:
        return [*self._amounts]
